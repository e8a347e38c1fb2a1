
KERNEL layers_both(TILE, Scalars p) {
    TAKEN;
    each_through_layers<true, true>(t, p);
}

KERNEL layers_both_again(TILE, Scalars p) {
    TAKEN;
    each_that_asked<true, true>(t, Layered<true, true>{t, p});
}

KERNEL table_both(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_looked_up<true, true>(t, table);
}

KERNEL table_both_again(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_that_asked<true, true>(t, LookedUp<true, true>{t, table});
}
