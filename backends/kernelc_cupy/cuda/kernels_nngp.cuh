
KERNEL layers_nngp(TILE, Scalars p) {
    TAKEN;
    each_through_layers<true, false>(t, p);
}

KERNEL layers_nngp_again(TILE, Scalars p) {
    TAKEN;
    each_that_asked<true, false>(t, Layered<false, true>{t, p});
}

KERNEL table_nngp(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_looked_up<true, false>(t, table);
}

KERNEL table_nngp_again(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_that_asked<true, false>(t, LookedUp<true, false>{t, table});
}
