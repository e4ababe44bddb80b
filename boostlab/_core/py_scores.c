/* Scores of distributions and natural gradients, for Python. */
#include "py_core.h"

/* What both functions begin with: score, y, raw, weight, low, high. */
typedef struct {
    int score;
    Py_ssize_t n_parameters;
    bl_scored rows;
} scored;

static int scored_arguments(buffers *held, PyObject *y, PyObject *raw, PyObject *weight,
                            PyObject *low, PyObject *high, scored *in)
{
    Py_ssize_t shape[2];
    if (in->score < 0 || in->score >= BL_N_SCORES)
        return fail("unknown score");
    in->rows.y = vector(held, y, "y", F64, -1, READ);
    if (!in->rows.y)
        return 0;
    shape[0] = in->rows.n = length_of(held);
    shape[1] = in->n_parameters = bl_score_parameters((bl_score)in->score);
    Py_buffer *view = acquire(held, raw, "raw", F64, 2, shape, FORTRAN);
    if (!view)
        return 0;
    in->rows.raw = view->buf;
    in->rows.low = vector(held, low, "low", F64, in->n_parameters, READ);
    in->rows.high =
        in->rows.low ? vector(held, high, "high", F64, in->n_parameters, READ) : NULL;
    return in->rows.high
        && optional(held, weight, "weight", F64, in->rows.n, READ,
                    (void **)&in->rows.weight);
}

static PyObject *core_natural_gradient(PyObject *self, PyObject *args)
{
    PyObject *y, *raw, *weight, *low, *high, *longest_in, *natural_out;
    buffers held = {.count = 0};
    scored in;
    int n_threads, done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOOOOOOOi:natural_gradient", &in.score, &y, &raw, &weight,
                          &low, &high, &longest_in, &natural_out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (scored_arguments(&held, y, raw, weight, low, high, &in)) {
        Py_ssize_t shape[2] = {in.rows.n, in.n_parameters};
        const double *longest =
            vector(&held, longest_in, "longest", F64, in.n_parameters, READ);
        Py_buffer *natural = longest ? acquire(&held, natural_out, "natural", F64, 2,
                                               shape, WRITE | FORTRAN) : NULL;
        if (natural) {
            Py_BEGIN_ALLOW_THREADS
            bl_natural_gradient((bl_score)in.score, &in.rows, longest, natural->buf,
                                n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *core_score_total(PyObject *self, PyObject *args)
{
    PyObject *y, *raw, *weight, *low, *high, *step_in, *terms_out;
    buffers held = {.count = 0};
    scored in;
    int n_threads, done = 0;
    double size, total = 0.0;
    (void)self;
    if (!PyArg_ParseTuple(args, "iOOOOOOdOi:score_total", &in.score, &y, &raw, &weight,
                          &low, &high, &step_in, &size, &terms_out, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    if (scored_arguments(&held, y, raw, weight, low, high, &in)) {
        Py_ssize_t shape[2] = {in.rows.n, in.n_parameters};
        double *terms = vector(&held, terms_out, "terms", F64, in.rows.n, WRITE);
        Py_buffer *step = NULL;
        if (terms && step_in != Py_None)
            step = acquire(&held, step_in, "step", F64, 2, shape, FORTRAN);
        if (terms && (step || step_in == Py_None)) {
            Py_BEGIN_ALLOW_THREADS
            bl_score_terms((bl_score)in.score, &in.rows, step ? step->buf : NULL, size,
                           terms, n_threads);
            total = bl_total(terms, in.rows.n, n_threads);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? PyFloat_FromDouble(total) : NULL;
}

static PyObject *core_total(PyObject *self, PyObject *args)
{
    PyObject *values_in;
    buffers held = {.count = 0};
    int n_threads;
    double total = 0.0;
    (void)self;
    if (!PyArg_ParseTuple(args, "Oi:total", &values_in, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    const double *values = vector(&held, values_in, "values", F64, -1, READ);
    if (values) {
        int64_t n = length_of(&held);
        Py_BEGIN_ALLOW_THREADS
        total = bl_total(values, n, n_threads);
        Py_END_ALLOW_THREADS
    }
    release(&held);
    return values ? PyFloat_FromDouble(total) : NULL;
}

PyMethodDef py_scores_methods[] = {
    {"natural_gradient", core_natural_gradient, METH_VARARGS,
     "natural_gradient(score, y, raw, weight, low, high, longest, natural, n_threads)"},
    {"score_total", core_score_total, METH_VARARGS,
     "score_total(score, y, raw, weight, low, high, step, size, terms, n_threads) -> "
     "float"},
    {"total", core_total, METH_VARARGS, "total(values, n_threads) -> float"},
    {NULL, NULL, 0, NULL},
};
