/* What a node is worth under l1, max_delta_step, path smoothing and monotone signs, and
 * how well that serves it. The same expressions value leaves and score splits, so that
 * a bound kept by one is kept by the other. Included by kernels and by rules.c. */
#ifndef BOOSTLAB_RULES_H
#define BOOSTLAB_RULES_H

#include "kernels.h"

#include <math.h>

/* The value of gradients g, divisor d = H + l2 and weight w: the Newton step for |v|
 * penalised by l1, cut to max_delta_step, drawn towards the parent's value (as
 * LightGBM), kept within the node's bounds. A node without rows has its parent's. */
static inline __attribute__((always_inline)) double bl_rule_value(
    double g, double d, double w, const bl_params *params, double smoothing,
    double parent, double lower, double upper)
{
    const double l1 = params->l1, step = params->max_delta_step;
    double soft = g > l1 ? g - l1 : g < -l1 ? g + l1 : 0.0;
    double v = d > 0 ? -soft / d : 0.0;
    v = v > step ? step : v < -step ? -step : v;
    if (smoothing > 0)
        v = (v * w + parent * smoothing) / (w + smoothing);
    v = w > 0 ? v : parent;
    v = v > upper ? upper : v;
    return v < lower ? lower : v;
}

/* Minus twice the second-order objective at v; soft^2 / d at the Newton step. */
static inline __attribute__((always_inline)) double bl_rule_score(
    double g, double d, double v, const bl_params *params)
{
    return -((2.0 * g + d * v) * v + 2.0 * params->l1 * fabs(v));
}

#endif
