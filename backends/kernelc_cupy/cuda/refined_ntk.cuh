
KERNEL refined_ntk(TILE, Scalars p) { // the squares in which a pair asked for it, once more
    if (!asks[blockIdx.y * gridDim.x + blockIdx.x]) return;
    TAKEN;
    each_pair<false, true>(t, Layered<true, true>{t, p});
}
