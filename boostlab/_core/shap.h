/* Shares of the features in a prediction: exact Shapley values of trees.
 *
 * Path-dependent. A leaf of value v is reached, when only the features of a set S are
 * known, with probability prod_j (o_j if j in S else z_j) over the features j of its
 * path: o_j is 1 if the row follows the path at all splits on j, z_j the share of the
 * training weight that does. As int_0^1 t^k (1 - t)^(d - 1 - k) dt = k! (d - 1 - k)! / d!
 * are the weights of Shapley, the leaf's part of feature i is
 *
 *     v (o_i - z_i) int_0^1 prod_{j != i} (z_j (1 - t) + o_j t) dt,
 *
 * whose integrand is a polynomial of degree d - 1: Gauss-Legendre quadrature of d / 2
 * points is exact. At a point, the products are shared by all leaves below a node, so one
 * walk down (products) and one up (sums over leaves) finds the shares of all features, in
 * time nodes * points a row. All terms of a product are positive: nothing cancels.
 * Where a feature returns on a path, its earlier factor is divided out and its earlier
 * share taken back. (Yu et al., Linear TreeSHAP, 2022; quadrature in place of polynomial
 * arithmetic.)
 *
 * Interventional. The unknown features are those of a background row, so that z_j is 0 or
 * 1 too, and the mean over the background is taken (Lundberg et al., 2020). A leaf then
 * gives each of the a features that only the row follows v (a-1)! b! / (a+b)!, and takes
 * from each of the b that only the background row follows v a! (b-1)! / (a+b)!.
 */
#ifndef BOOSTLAB_SHAP_H
#define BOOSTLAB_SHAP_H

#include "boostlab_core.h"

enum {
    BL_SHAP_LANES = 8,       /* rows whose products are computed together */
    BL_SHAP_ROWS = 64        /* rows of a task */
};

/* A node as contributions need it. `before`: the nearest edge above that splits the
 * same feature as the node, named by the node it leads to; -1 for none. */
typedef struct {
    double threshold;
    int64_t subset;          /* -1: numeric */
    int32_t feature, left;   /* left -1: a leaf */
    int32_t before;
    uint32_t missing_left;
} bl_shap_node;

typedef struct {
    const bl_shap_node *nodes;
    /* Of the edge to a node, for each point: factors of the product where the row
     * follows the edge and where it leaves there, and the same for the share. */
    const double *follow, *leave, *share_follow, *share_leave;   /* (n_nodes, n_points) */
    const double *ratio;     /* factor where the row has left before, (n_nodes,) */
    int64_t n_nodes, n_points;
} bl_shap_tree;

/* Memory of one thread for BL_SHAP_LANES rows, entries [node][point][lane]. */
typedef struct {
    double *products, *sums;
    int64_t *present, *follows;      /* [node][lane]: what holds before, and on the edge */
} bl_shap_memory;

typedef struct bl_shap bl_shap;

/* Prepare a forest whose nodes have these weights; NULL without memory. */
bl_shap *bl_shap_new(const bl_forest *forest, const double *weight, int64_t n_outputs);
void bl_shap_free(bl_shap *shap);

/* Write shares (n_rows, n_outputs, n_features + 1); the last is the expected value by
 * the nodes' weights, or 0 against a background. */
int bl_shap_path(const bl_forest *forest, const bl_shap *shap, const bl_matrix *x,
                 int64_t n_outputs, double *out, int n_threads);
int bl_shap_against(const bl_forest *forest, const bl_matrix *x,
                    const bl_matrix *background, int64_t n_outputs, double *out,
                    int n_threads);

#endif
