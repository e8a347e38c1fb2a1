
KERNEL layers_ntk(TILE, Scalars p) {
    TAKEN;
    each_pair<false, true>(t, Layered<true, false>{t, p});
}

KERNEL table_ntk(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_pair<false, true>(t, LookedUp<false, true>{t, table});
}
