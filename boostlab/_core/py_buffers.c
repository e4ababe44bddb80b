/* Buffers of Python objects, and errors. */
#include "py_core.h"

void release(buffers *held)
{
    while (held->count)
        PyBuffer_Release(&held->views[--held->count]);
}

char buffer_type(const Py_buffer *view)
{
    const char *format = view->format ? view->format : "B";
    if (*format == '<' || *format == '=' || *format == '@')
        format++;
    if (format[0] == '\0' || format[1] != '\0')
        return '?';
    if ((*format == 'l' || *format == 'q') && view->itemsize == 8)
        return I64;
    if ((*format == 'l' || *format == 'i') && view->itemsize == 4)
        return I32;
    if ((*format == 'L' || *format == 'Q') && view->itemsize == 8)
        return U64;
    return *format;
}

static const char *kind_name(kind wanted)
{
    switch (wanted) {
    case F32: return "float32";
    case F64: return "float64";
    case I32: return "int32";
    case I64: return "int64";
    case U64: return "uint64";
    case I8: return "int8";
    case U8: return "uint8";
    default: return "float32 or float64";
    }
}

/* Acquire a buffer of `dimensions` axes and the given extents (-1: any). */
Py_buffer *acquire(buffers *held, PyObject *object, const char *name, kind wanted,
                   int dimensions, const Py_ssize_t *extents, int flags)
{
    Py_buffer *view = &held->views[held->count];
    int request = PyBUF_FORMAT | PyBUF_STRIDES | (flags & WRITE ? PyBUF_WRITABLE : 0);
    if (held->count == MAX_BUFFERS || PyObject_GetBuffer(object, view, request) != 0) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_SystemError, "too many buffers in one call");
        return NULL;
    }
    held->count++;
    char type = buffer_type(view);
    int matches = wanted == REAL ? type == F32 || type == F64 : type == (char)wanted;
    if (!matches || view->ndim != dimensions) {
        PyErr_Format(PyExc_TypeError, "%s must be a %d-d array of %s, got %d-d of '%s'",
                     name, dimensions, kind_name(wanted), view->ndim,
                     view->format ? view->format : "B");
        return NULL;
    }
    for (int axis = 0; extents && axis < dimensions; axis++)
        if (extents[axis] >= 0 && view->shape[axis] != extents[axis]) {
            PyErr_Format(PyExc_ValueError, "%s has %zd entries on axis %d, not %zd",
                         name, view->shape[axis], axis, extents[axis]);
            return NULL;
        }
    if (!(flags & ANY_STRIDE)
        && !PyBuffer_IsContiguous(view, flags & FORTRAN ? 'F' : 'C')) {
        PyErr_Format(PyExc_ValueError, "%s must be contiguous in %s order", name,
                     flags & FORTRAN ? "Fortran" : "C");
        return NULL;
    }
    return view;
}

void *vector(buffers *held, PyObject *object, const char *name, kind wanted,
             Py_ssize_t length, int flags)
{
    Py_buffer *view = acquire(held, object, name, wanted, 1, &length, flags);
    return view ? view->buf : NULL;
}

/* A vector that may be None; returns 0 on error. */
int optional(buffers *held, PyObject *object, const char *name, kind wanted,
             Py_ssize_t length, int flags, void **data)
{
    *data = NULL;
    if (object == Py_None)
        return 1;
    *data = vector(held, object, name, wanted, length, flags);
    return *data != NULL;
}

Py_ssize_t length_of(const buffers *held)
{
    return held->views[held->count - 1].shape[0];
}

int matrix(buffers *held, PyObject *object, const char *name, bl_matrix *out)
{
    Py_buffer *view = acquire(held, object, name, REAL, 2, NULL, ANY_STRIDE);
    if (!view)
        return 0;
    *out = (bl_matrix){.data = view->buf, .n_rows = view->shape[0],
                       .n_features = view->shape[1], .row_stride = view->strides[0],
                       .feature_stride = view->strides[1],
                       .dtype = buffer_type(view) == F32 ? BL_FLOAT32 : BL_FLOAT64};
    if (out->n_rows > BL_MAX_ROWS) {
        PyErr_Format(PyExc_ValueError, "%s has %zd rows; the core takes at most %lld",
                     name, view->shape[0], (long long)BL_MAX_ROWS);
        return 0;
    }
    return 1;
}

int fail(const char *message)
{
    PyErr_SetString(PyExc_ValueError, message);
    return 0;
}

int check_threads(int n_threads)
{
    if (n_threads >= 1 && n_threads <= MAX_THREADS)
        return 1;
    PyErr_Format(PyExc_ValueError, "n_threads is %d; it must be between 1 and %d",
                 n_threads, MAX_THREADS);
    return 0;
}

PyObject *status_error(int status)
{
    switch (status) {
    case BL_NO_MEMORY: return PyErr_NoMemory();
    case BL_FULL: fail("the tree does not fit the output arrays"); break;
    case BL_NOT_FINITE:
        fail("a gradient, hessian or weight is NaN or infinite; check the objective "
             "and the targets");
        break;
    case BL_NEGATIVE:
        fail("a hessian is negative or a weight is not positive; clip hessians at 0 "
             "and drop rows of weight 0");
        break;
    case BL_NOT_REDUCED: break;    /* the hook's own exception is set */
    case BL_TOO_MANY_ROWS:
        fail("the parts have more than 2^27 - 1 rows together; sample the rows");
        break;
    default: fail("the core failed with an unknown status");
    }
    return NULL;
}
