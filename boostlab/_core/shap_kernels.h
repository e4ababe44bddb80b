/* The two walks of path-dependent contributions, BL_SHAP_LANES rows at a time. */
#ifndef BOOSTLAB_SHAP_KERNELS_H
#define BOOSTLAB_SHAP_KERNELS_H

#include "shap.h"

enum { BL_SL = BL_SHAP_LANES };

/* Products of the edges to both children of a node, at one point. */
static inline void bl_shap_factors(const bl_shap_tree *tree, int64_t child, int64_t q,
                                   const int64_t *restrict present,
                                   const int64_t *restrict follows,
                                   const double *restrict above,
                                   double *restrict below)
{
    double yes = tree->follow[child * tree->n_points + q];
    double no = tree->leave[child * tree->n_points + q], gone = tree->ratio[child];
    for (int r = 0; r < BL_SL; r++) {
        double factor = follows[r] ? yes : no;
        factor = present[r] ? factor : gone;
        below[r] = above[r] * factor;
    }
}

/* Down: go[node * BL_SHAP_ROWS + lane] is 1 where the row goes left. */
static void bl_shap_down(const bl_shap_tree *tree, const uint8_t *go,
                         const bl_shap_memory *m)
{
    int64_t points = tree->n_points;
    for (int64_t e = 0; e < points * BL_SL; e++)
        m->products[e] = 1.0;
    for (int64_t i = 0; i < tree->n_nodes; i++) {
        int64_t left = tree->nodes[i].left, before = tree->nodes[i].before;
        if (left < 0)
            continue;
        int64_t *restrict present = m->present + i * BL_SL;
        int64_t *restrict follows = m->follows + left * BL_SL;
        for (int r = 0; r < BL_SL; r++) {
            int64_t has = before < 0 ? 1 : m->follows[before * BL_SL + r];
            int64_t goes = go[i * BL_SHAP_ROWS + r];
            present[r] = has;
            follows[r] = has & goes;
            follows[BL_SL + r] = has & (goes ^ 1);
        }
        for (int64_t q = 0; q < points; q++) {
            const double *above = m->products + (i * points + q) * BL_SL;
            double *below = m->products + (left * points + q) * BL_SL;
            bl_shap_factors(tree, left, q, present, follows, above, below);
            bl_shap_factors(tree, left + 1, q, present, follows + BL_SL, above,
                            below + points * BL_SL);
        }
    }
}

static inline void bl_shap_shares(const bl_shap_tree *tree, int64_t child, int64_t q,
                                  const int64_t *restrict present,
                                  const int64_t *restrict follows,
                                  const double *restrict sums, double *restrict share)
{
    double yes = tree->share_follow[child * tree->n_points + q];
    double no = tree->share_leave[child * tree->n_points + q];
    for (int r = 0; r < BL_SL; r++) {
        double factor = follows[r] ? yes : no;
        share[r] += (present[r] ? factor : 0.0) * sums[r];
    }
}

/* Up: add each split's share to phi[feature * BL_SHAP_ROWS + lane]; the value of leaf i
 * is values[i * width]. */
static void bl_shap_up(const bl_shap_tree *tree, const double *values, int64_t width,
                       const bl_shap_memory *m, double *phi)
{
    int64_t points = tree->n_points, size = points * BL_SL;
    for (int64_t i = tree->n_nodes - 1; i >= 0; i--) {
        const bl_shap_node *node = tree->nodes + i;
        double *restrict sums = m->sums + i * size;
        if (node->left < 0) {
            const double *restrict products = m->products + i * size;
            double value = values[i * width];
            for (int64_t e = 0; e < size; e++)
                sums[e] = value * products[e];
            continue;
        }
        const double *restrict below = m->sums + node->left * size;
        const int64_t *present = m->present + i * BL_SL;
        const int64_t *follows = m->follows + (int64_t)node->left * BL_SL;
        double share[BL_SHAP_LANES] = {0};
        for (int64_t q = 0; q < points; q++) {
            bl_shap_shares(tree, node->left, q, present, follows, below + q * BL_SL,
                           share);
            bl_shap_shares(tree, node->left + 1, q, present, follows + BL_SL,
                           below + size + q * BL_SL, share);
        }
        for (int64_t e = 0; e < size; e++)
            sums[e] = below[e] + below[size + e];
        for (int r = 0; r < BL_SL; r++)
            phi[(int64_t)node->feature * BL_SHAP_ROWS + r] += share[r];
    }
}

#endif
