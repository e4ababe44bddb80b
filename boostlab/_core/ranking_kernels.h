/* One document against many others of its query, pair by pair.
 *
 * With d the difference of scores, oriented so that d > 0 is the right order, a pair of
 * weight w has the loss w log(1 + exp(-s d)), of which the slope is -w s p and the
 * curvature w s^2 p (1 - p) with p = 1 / (1 + exp(s d)).
 */
#include "bl_math.h"
#include "kernels.h"

#include <math.h>

enum { BL_PAIR_CHUNK = 64, BL_PAIR_LANES = 8 };

/* Slopes (of `one`'s score) and curvatures of its pairs with n <= BL_PAIR_CHUNK others. */
static inline void bl_pair_terms(const bl_ranked *one, const double *score,
                                 const double *gain, const double *lower, int64_t n,
                                 const bl_pair_rule *rule, double *slope, double *curve)
{
    double sigmoid = rule->sigmoid;
    int by_gain = rule->by_gain, by_distance = rule->by_distance;
    for (int64_t j = 0; j < n; j++) {
        double gap = one->gain - gain[j];
        double distance = one->score - score[j];
        double size = by_gain ? fabs(gap) : 1.0;
        double weight = size * (one->upper - one->head * lower[j]);
        double divisor = by_distance ? 0.01 + fabs(distance) : 1.0;
        double right = gap > 0.0 ? distance : -distance;
        double growth = bl_exp_clipped(sigmoid * right);
        double wrong = 1.0 / (1.0 + growth);
        double term = weight / divisor * sigmoid * wrong;
        term = gap == 0.0 ? 0.0 : term;
        slope[j] = gap > 0.0 ? -term : term;
        curve[j] = term * sigmoid * (growth * wrong);
    }
}

static void bl_rank_against(const bl_ranked *one, const double *score,
                            const double *gain, const double *lower,
                            const double *count, int64_t n, const bl_pair_rule *rule,
                            double *gradient, double *hessian, bl_pair_sums *sums)
{
    double slope[BL_PAIR_CHUNK], curve[BL_PAIR_CHUNK];
    for (int64_t first = 0; first < n; first += BL_PAIR_CHUNK) {
        int64_t left = n - first, m = left < BL_PAIR_CHUNK ? left : BL_PAIR_CHUNK;
        const double *times = count + first;
        bl_pair_terms(one, score + first, gain + first, lower + first, m, rule, slope,
                      curve);
        for (int64_t j = 0; j < m; j++) {
            gradient[first + j] -= one->count * slope[j];
            hessian[first + j] += one->count * curve[j];
        }
        for (int64_t j = 0; j < m; j++) {
            slope[j] *= times[j];
            curve[j] *= times[j];
        }
        for (int64_t j = m; j % BL_PAIR_LANES != 0; j++)
            slope[j] = curve[j] = 0.0;
        for (int64_t j = 0; j < m; j += BL_PAIR_LANES)
            for (int64_t k = 0; k < BL_PAIR_LANES; k++) {
                sums->gradient[k] += slope[j + k];
                sums->hessian[k] += curve[j + k];
                sums->size[k] += fabs(slope[j + k]);
            }
    }
}

/* Add the losses of one document's pairs with n others, times their counts. */
static void bl_rank_losses(const bl_ranked *one, const double *score,
                           const double *gain, const double *count, int64_t n,
                           double sigmoid, double sums[BL_PAIR_LANES])
{
    double terms[BL_PAIR_CHUNK];
    for (int64_t first = 0; first < n; first += BL_PAIR_CHUNK) {
        int64_t left = n - first, m = left < BL_PAIR_CHUNK ? left : BL_PAIR_CHUNK;
        for (int64_t j = 0; j < m; j++) {
            double gap = one->gain - gain[first + j];
            double distance = sigmoid * (one->score - score[first + j]);
            double wrong = gap > 0.0 ? -distance : distance;
            double linear = wrong > 0.0 ? wrong : 0.0;
            double loss = linear + bl_log1p(bl_exp_clipped(-fabs(distance)));
            loss *= one->upper * one->count * count[first + j];
            terms[j] = gap == 0.0 ? 0.0 : loss;
        }
        for (int64_t j = m; j % BL_PAIR_LANES != 0; j++)
            terms[j] = 0.0;
        for (int64_t j = 0; j < m; j += BL_PAIR_LANES)
            for (int64_t k = 0; k < BL_PAIR_LANES; k++)
                sums[k] += terms[j + k];
    }
}
