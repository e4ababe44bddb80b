/* Walking trees from raw values, BL_WALK_ROWS rows at a time. */

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

/* All rows take `depth` steps together; leaves step onto themselves. */
static void bl_walk(const bl_node *nodes, const uint64_t *subsets, int32_t depth,
                    const double *x, int64_t n_features, int64_t n,
                    int32_t *restrict at)
{
    for (int64_t i = 0; i < n; i++)
        at[i] = 0;
    for (int32_t d = 0; d < depth; d++)
        for (int64_t i = 0; i < n; i++) {
            const bl_node *node = nodes + at[i];
            double value = x[i * n_features + (node->feature & BL_FEATURE)];
            int left = subsets ? bl_goes_left(node, subsets, value)
                : (value <= node->threshold)
                    | ((value != value) & (int)(node->feature >> 31));
            at[i] = node->left + !left;
        }
}
