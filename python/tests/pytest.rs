//! Runs pytest on the Python package, with the library as it was built along with this test: so
//! `cargo test --workspace --all-features` builds everything once and tests all of it. `python/test` runs this test alone.
//!
//! - The environment is `target/python`; it is made once, and again when `requirements.txt` changes. `PYTHON` names its
//!   interpreter.
//! - Pytest takes more arguments from `PYTEST_ADDOPTS`.
//! - With `TWINSPIRE_TEST_RAY=1` Ray is installed as well, and the tests of the cluster on it run.
//! - With `TWINSPIRE_TEST_MODELS=1` PyTorch, Keras and torch-rechub are installed as well, and the tests of their
//!   exporters run.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails panics, and writes what is no database"
)]

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

const NO_PYTHON: &str = "Python 3.10 or later is needed for the tests of the Python package: install it (Debian and Ubuntu: \
    `apt-get install python3 python3-venv`; macOS: `brew install python`), or name an interpreter, `PYTHON=/path/to/python3`. \
    `cargo test --all-features` runs the tests in Rust alone";

const NO_VENV: &str = "no environment could be made, see above. On Debian and Ubuntu `python3 -m venv` needs \
    `apt-get install python3-venv`; uv and virtualenv are used where they are installed. `cargo test --all-features` runs \
    the tests in Rust alone";

#[test]
fn the_tests_of_the_python_package_pass() {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("python");
    let wanted = |name| std::env::var_os(name).is_some_and(|set| set == "1");
    let models = wanted("TWINSPIRE_TEST_MODELS");
    prepare(&environment, "requirements.txt");
    if models {
        prepare(&environment, "requirements-models.txt");
    }
    if wanted("TWINSPIRE_TEST_RAY") {
        prepare(&environment, "requirements-ray.txt");
    }
    let python = interpreter(&environment);
    install(&python);
    let pytest = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command.args(["-m", "pytest"]).args(arguments);
        assert!(
            succeeds(command.current_dir(PACKAGE)),
            "pytest failed, see above"
        );
    };
    pytest(&[]);
    if models {
        // TensorFlow and PyTorch crash in one process.
        pytest(&["tests/test_export_keras.py"]);
    }
}

/// Makes the environment and installs what the tests need, unless that is done.
fn prepare(environment: &Path, requirements: &str) {
    let wanted = Path::new(PACKAGE).join("tests").join(requirements);
    let installed = environment.join(requirements);
    let text = fs::read(&wanted).expect("requirements of the tests");
    if fs::read(&installed).is_ok_and(|installed| installed == text) {
        return;
    }
    if !interpreter(environment).exists() {
        make(environment);
    }
    let mut pip = Command::new(interpreter(environment));
    // Most modules of the dependencies are never imported: compiling all of them takes longer than the tests.
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--disable-pip-version-check",
    ]);
    let done = succeeds(pip.arg("--requirement").arg(&wanted));
    assert!(
        done,
        "the packages of {} could not be installed, see above",
        wanted.display()
    );
    fs::write(installed, text).expect("the environment can be written");
}

/// Makes an environment by the first way that works.
fn make(environment: &Path) {
    let named = std::env::var_os("PYTHON").into_iter();
    let mut names = named.chain(["python3", "python"].map(OsString::from));
    let check = "import sys; sys.exit(sys.version_info < (3, 10))";
    let python = names.find(|python| succeeds(Command::new(python).args(["-c", check])));
    let python = python.unwrap_or_else(|| panic!("{NO_PYTHON}"));
    let made = succeeds(
        Command::new(&python)
            .args(["-m", "venv", "--clear"])
            .arg(environment),
    ) || succeeds(
        Command::new("uv")
            .args(["venv", "--clear", "--seed", "--python"])
            .arg(&python)
            .arg(environment),
    ) || succeeds(
        Command::new(&python)
            .args(["-m", "virtualenv", "--clear"])
            .arg(environment),
    );
    assert!(made, "{NO_VENV}");
}

fn interpreter(environment: &Path) -> PathBuf {
    let directory = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    directory.join(format!("python{EXE_SUFFIX}"))
}

/// Puts the package into the environment: its modules, and the library beside this test.
fn install(python: &Path) {
    let path = "import sysconfig; print(sysconfig.get_path('purelib'), end='')";
    let answer = Command::new(python)
        .args(["-c", path])
        .output()
        .expect("Python runs");
    let package =
        PathBuf::from(String::from_utf8_lossy(&answer.stdout).into_owned()).join("twinspire");
    if package.exists() {
        fs::remove_dir_all(&package).expect("the environment can be written");
    }
    copy(&Path::new(PACKAGE).join("python/twinspire"), &package);
    let test = std::env::current_exe().expect("this test has a path");
    let library = test.with_file_name(format!("{DLL_PREFIX}_twinspire{DLL_SUFFIX}"));
    let ending = if cfg!(windows) { "pyd" } else { "abi3.so" };
    fs::copy(&library, package.join(format!("_twinspire.{ending}")))
        .expect("the library was built along");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the environment can be written");
    for entry in fs::read_dir(from).expect("the package is there") {
        let entry = entry.expect("the package can be read");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match from.is_dir() {
            true => copy(&from, &to),
            false => drop(fs::copy(from, to).expect("the environment can be written")),
        }
    }
}

/// Whether a command runs and succeeds. Its output is shown.
fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
