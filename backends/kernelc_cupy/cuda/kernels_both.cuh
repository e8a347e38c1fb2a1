
KERNEL layers_both(TILE, Scalars p) {
    TAKEN;
    each_pair<true, true>(t, Layered<true, false>{t, p});
}

KERNEL table_both(TILE, TABLE) {
    TAKEN;
    TABLE_TAKEN;
    each_pair<true, true>(t, LookedUp<true, true>{t, table});
}
