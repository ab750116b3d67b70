# ruff: noqa: F821
import importlib
import importlib.util
import sys


def attack():
    def by_path():
        spec = importlib.util.spec_from_file_location("answers", f"{REPO}/npvae/latent.py")
        spec.loader.exec_module(importlib.util.module_from_spec(spec))

    def by_name():
        from npvae import latent

        return latent

    def by_attribute():
        import npvae

        return npvae.kl_divergence

    def past_the_gate():
        sys.meta_path[:] = sys.meta_path[1:]
        sys.modules.pop("npvae")
        sys.path.append(REPO)
        importlib.import_module("npvae.latent")

    modules = ("npvae.latent", "npvae.models.vae", "npvae.coursework.exercises", "npvae.coursework.key")
    return {
        "modules": [name for name in modules if tried(importlib.import_module, name)],
        "ways": [way.__name__ for way in (by_path, by_name, by_attribute, past_the_gate) if tried(way)],
    }
