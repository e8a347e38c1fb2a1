
KERNEL layers_nngp(TILE, Scalars p) {
    TAKEN;
    each_pair<true, false>(t, Layered<false, false>{t, p});
}

KERNEL table_nngp(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_pair<true, false>(t, LookedUp<true, false>{t, table});
}
