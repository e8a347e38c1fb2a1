
KERNEL layers_ntk(TILE, Scalars p) {
    TAKEN;
    each_through_layers<false, true>(t, p);
}

KERNEL layers_ntk_again(TILE, Scalars p) {
    TAKEN;
    each_that_asked<false, true>(t, Layered<true, true>{t, p});
}

KERNEL table_ntk(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_looked_up<false, true>(t, table);
}

KERNEL table_ntk_again(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_that_asked<false, true>(t, LookedUp<false, true>{t, table});
}
