"""Pages checked with axe-core, the rules that screen readers and keyboards depend on."""

from typing import Any

from playwright.sync_api import Page

from tests.support.node import FOLDER, install_packages

AXE = FOLDER / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page) -> list[str]:
    """Return what axe objects to on this page, a line for each rule. The context needs ``bypass_csp=True``."""
    if not page.evaluate("'axe' in window"):
        install_packages()
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")  # no nodes of the rest
    assert found["passes"], "axe has looked at nothing"
    return [
        f"{broken['id']}: {broken['help']} at {[node['target'] for node in broken['nodes']]}"
        for broken in found["violations"]
    ]
