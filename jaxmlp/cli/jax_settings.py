"""How programs of this project set JAX up."""

import joblib

NUM_CPU_DEVICES = "JAX_NUM_CPU_DEVICES"
"""The variable that JAX reads when it is loaded."""
MOST_CPU_DEVICES = 16
"""Each has its copy of the dataset, and compiles for itself."""


def cpu_devices() -> int:
    """How many devices a CPU shows itself as: one for each core that a container or an affinity leaves, since a single
    device is not filled by small nets.
    """
    return min(joblib.cpu_count(only_physical_cores=True), MOST_CPU_DEVICES)


def keep_programs() -> None:
    """Keep compiled programs between processes: a second run starts at once.

    A folder that is chosen already, as with JAX_COMPILATION_CACHE_DIR, stays.
    """
    import jax

    from jaxmlp.data.cache import cache_folder

    if jax.config.values["jax_compilation_cache_dir"]:
        return
    jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "xla"))
    # The small ones too: each operation outside a program is one, and a second process need not wait for them.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
