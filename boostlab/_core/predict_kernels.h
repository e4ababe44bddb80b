/* Walking trees from raw values: BL_WALK_ROWS rows together, or some trees together. */

/* Whether a value goes left at a node that may split categories. */
static inline int bl_goes_left(const bl_node *node, const uint64_t *subsets,
                               double value)
{
    if (value != value)
        return (node->feature & BL_MISSING_LEFT) != 0;
    if (!(node->feature & BL_SUBSET))
        return value <= node->threshold;
    return value >= 0 && value < 256
        && bl_in_subset(subsets + 4 * node->subset, (unsigned)value);
}

/* One step of one row; leaves step onto themselves. */
static inline int32_t bl_step(const bl_node *node, const uint64_t *subsets,
                              const double *x)
{
    double value = x[node->feature & BL_FEATURE];
    int left = subsets ? bl_goes_left(node, subsets, value)
        : (value <= node->threshold) | ((value != value) & (int)(node->feature >> 31));
    return node->left + !left;
}

/* All rows take `depth` steps together. */
static void bl_walk(const bl_node *nodes, const uint64_t *subsets, int32_t depth,
                    const double *x, int64_t n_features, int64_t n,
                    int32_t *restrict at)
{
    for (int64_t i = 0; i < n; i++)
        at[i] = 0;
    for (int32_t d = 0; d < depth; d++)
        for (int64_t i = 0; i < n; i++)
            at[i] = bl_step(nodes + at[i], subsets, x + i * n_features);
}

/* One row takes `depth` steps down n trees together. */
static void bl_walk_trees(const bl_node *nodes, const int64_t *starts,
                          const uint64_t *subsets, int32_t depth, const double *x,
                          int64_t n, int32_t *restrict at)
{
    const bl_node *root[BL_WALK_TREES];
    for (int64_t t = 0; t < n; t++) {
        root[t] = nodes + starts[t];
        at[t] = 0;
    }
    for (int32_t d = 0, moved = 1; d < depth && moved; d++) {
        moved = 0;
        for (int64_t t = 0; t < n; t++) {
            int32_t next = bl_step(root[t] + at[t], subsets, x);
            moved |= next ^ at[t];
            at[t] = next;
        }
    }
}
