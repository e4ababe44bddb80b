/* The body of every tier_<isa>.c: the kernels, compiled with that file's flags, and
 * the table that names them. All are static, so tiers cannot borrow from each other. */
#ifndef BOOSTLAB_TIER_H
#define BOOSTLAB_TIER_H

#include "kernels.h"

#include "bin_kernels.h"
#include "encode_kernels.h"
#include "gradients_kernels.h"
#include "hist_kernels.h"
#include "mux_kernels.h"
#include "partition_kernels.h"
#include "predict_kernels.h"
#include "quantize_kernels.h"
#include "ranking_kernels.h"
#include "scores_kernels.h"
#include "shap_kernels.h"
#include "split_kernels.h"
#include "category_kernels.h"

#include "ruled_kernels.h"

#define BL_TIER_TABLE(tier)                                                           \
    {                                                                                 \
        .name = tier, .derivatives = bl_derivatives_table,                            \
        .loss_terms = bl_loss_terms_table, .bin_values = bl_bin_values, \
        .scores = bl_scores_table, .place = bl_place, .bound = bl_bound,              \
        .interleave = bl_interleave,                                                  \
        .extent = bl_extent_block, .quantize = bl_quantize,                           \
        .histogram = bl_histogram, .flush = bl_flush, .exact_sum = bl_exact_sum,      \
        .partition = bl_partition,                                                    \
        .partition_by = bl_partition_by, .best_split = bl_best_split,                 \
        .best_subset = bl_best_subset, .walk = bl_walk,                               \
        .walk_trees = bl_walk_trees,                                                  \
        .encode32 = bl_encode32, .encode64 = bl_encode64, .decide = bl_decide,        \
        .add_exits = bl_add_exits,                                                    \
        .rank_against = bl_rank_against, .rank_losses = bl_rank_losses,               \
        .best_ruled = bl_best_ruled, .add_ruled = bl_add_ruled,                       \
        .shap_down = bl_shap_down, .shap_up = bl_shap_up,                             \
    }

#endif
