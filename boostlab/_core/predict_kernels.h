/* Walking trees from raw values, BL_WALK_ROWS rows at a time. */

/* All rows take `depth` steps together; leaves step onto themselves. */
static void bl_walk(const bl_node *nodes, int32_t depth, const double *x,
                    int64_t n_features, int64_t n, int32_t *restrict at)
{
    for (int64_t i = 0; i < n; i++)
        at[i] = 0;
    for (int32_t d = 0; d < depth; d++)
        for (int64_t i = 0; i < n; i++) {
            const bl_node *node = nodes + at[i];
            double value = x[i * n_features + (node->feature & 0x7FFFFFFF)];
            int left = (value <= node->threshold)
                | ((value != value) & (int)(node->feature >> 31));
            at[i] = node->left + !left;
        }
}
