"""The group of verbs, and the exit codes that scripts rely on.

0: done and true; 1: the answer is no or unknown; 2: the input is wrong (one message, no traceback);
70: a bug in kernelc (with its traceback); 130 and 128 + n: interrupted by Ctrl-C or by signal n.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import click

from kernelc.cli.certify import certify
from kernelc.cli.check import check
from kernelc.cli.demo import demo
from kernelc.cli.derive import derive
from kernelc.cli.dual import dual
from kernelc.cli.gram import gram
from kernelc.cli.lists import activations, backends, functions, layers
from kernelc.cli.make import build
from kernelc.cli.spectrum import spectrum
from kernelc.cli.study import study
from kernelc.errors import KernelcError

WRONG_INPUT, BUG, INTERRUPTED, BROKEN_PIPE = 2, 70, 130, 141


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="kernelc", prog_name="kernelc")
@click.pass_context
def cli(context: click.Context) -> None:
    """Compile specs of infinitely wide neural networks into their exact NNGP and NTK kernels.

    SPEC is the path of a TOML file or the name of a bundled spec, such as relu-3.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(WRONG_INPUT)


for verb in (
    derive,
    dual,
    build,
    gram,
    check,
    certify,
    spectrum,
    study,
    demo,
    layers,
    activations,
    functions,
    backends,
):
    cli.add_command(verb)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    with _signals_unwind():
        try:
            code = cli.main(args=arguments, prog_name="kernelc", standalone_mode=False) or 0
            sys.stdout.flush()
            return int(code)
        except (click.Abort, KeyboardInterrupt):
            return _complain("interrupted", INTERRUPTED)
        except click.ClickException as error:
            return _complain(_usage(error), WRONG_INPUT)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the flush at exit would complain again
            return BROKEN_PIPE
        except OSError as error:
            return _complain(f"error: {error.filename or 'input or output'}: {error.strerror or error}", WRONG_INPUT)
        except MemoryError as error:
            return _complain(f"error: not enough memory ({error})", WRONG_INPUT)
        except KernelcError as error:
            return _complain(f"error: {error}", WRONG_INPUT)
        except Exception:
            traceback.print_exc()
            return _complain("this is a bug in kernelc: please report it with the command and the spec", BUG)


def _usage(error: click.ClickException) -> str:
    """What click found wrong, and where to read what is right."""
    context = getattr(error, "ctx", None)
    hint = f" (see '{context.command_path} --help')" if context else ""
    return f"error: {error.format_message().rstrip('.')}{hint}"


def _complain(message: str, code: int) -> int:
    click.echo(f"kernelc: {message}", err=True)
    return code


@contextmanager
def _signals_unwind() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit, so that every temporary file is removed on the way out.

    A signal that is ignored (SIGHUP under nohup) stays ignored; only the main thread can set handlers.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _unwind)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _unwind(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
