
KERNEL refined_nngp(TILE, Scalars p) { // the squares in which a pair asked for it, once more
    if (!asks[blockIdx.y * gridDim.x + blockIdx.x]) return;
    TAKEN;
    each_pair<true, false>(t, Layered<false, true>{t, p});
}
