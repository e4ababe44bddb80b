/* boostlab._core: with py_*.c the only files that know Python. Buffers in, numbers out. */
#include "py_core.h"

static PyObject *core_cpu_name(PyObject *self, PyObject *args)
{
    (void)self;
    (void)args;
    return PyUnicode_FromString(bl_cpu_name());
}

static PyObject *core_set_cpu(PyObject *self, PyObject *name)
{
    const char *before = bl_cpu_name();
    (void)self;
    PyObject *text = PyUnicode_AsUTF8String(name);
    if (!text)
        return NULL;
    int status = bl_set_cpu(PyBytes_AsString(text));
    Py_DecRef(text);
    if (status != BL_OK)
        return PyErr_Format(PyExc_ValueError,
                            "the CPU tier %R is unknown or this CPU cannot run it; "
                            "choose serial, avx2 or avx512",
                            name);
    return PyUnicode_FromString(before);
}

static PyMethodDef tier_methods[] = {
    {"cpu_name", core_cpu_name, METH_NOARGS, "cpu_name() -> str"},
    {"set_cpu", core_set_cpu, METH_O, "set_cpu(name) -> str, the tier before"},
    {NULL, NULL, 0, NULL},
};

static int add_methods(PyObject *module)
{
    PyMethodDef *const tables[] = {py_bins_methods, py_losses_methods, py_trees_methods,
                                   py_forests_methods, py_linear_methods,
                                   py_ranking_methods, py_shap_methods, py_bundles_methods,
                                   py_scores_methods, tier_methods};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (PyModule_AddFunctions(module, tables[i]) != 0)
            return -1;
    return 0;
}

static int add_constants(PyObject *module)
{
    bl_cpu();    /* read BOOSTLAB_CPU now, while only one thread imports */
    return PyModule_AddIntConstant(module, "TILE", BL_TILE)
        || PyModule_AddIntConstant(module, "STRIDE", BL_STRIDE)
        || PyModule_AddIntConstant(module, "MISSING", BL_MISSING)
        || PyModule_AddIntConstant(module, "MAX_ROWS", (long)BL_MAX_ROWS)
        || PyModule_AddIntConstant(module, "MAX_THREADS", MAX_THREADS);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_methods},
    {Py_mod_exec, add_constants},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_core", .m_doc = "The C core of boostlab.",
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
