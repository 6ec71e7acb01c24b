//! Lets macOS link the extension without maturin too, as the tests do: what it takes of Python is found when it is
//! loaded.

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
