"""The console without a mouse: everything is reached, and seen to be reached."""

from playwright.sync_api import Browser, Page

from tests.console.stage import CONTRADICTED, Stage, context, sign_in

FOCUSED = """() => {
  const it = document.activeElement;
  const style = getComputedStyle(it);
  return {
    name: it.getAttribute('aria-label') || it.textContent.trim() || it.name || it.tagName,
    seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    tag: it.tagName,
  };
}"""
MOST_STEPS = 200


def walk(page: Page) -> list[dict[str, object]]:
    """Press Tab through a page until its end; return what had the focus."""
    found: list[dict[str, object]] = []
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        now: dict[str, object] = page.evaluate(FOCUSED)
        if now["tag"] == "BODY":
            break
        found.append(now)
    return found


def test_the_first_step_skips_to_the_content(browser: Browser, stage: Stage) -> None:
    with context(browser, stage) as (opened, _):
        page = opened.new_page()
        sign_in(page, stage, "viewer")
        page.goto("/console/tariffs")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/tariffs#main")
        page.wait_for_function("document.activeElement.id === 'main'")


def test_everything_that_can_be_done_is_reached_and_its_focus_is_seen(
    browser: Browser, stage: Stage
) -> None:
    with context(browser, stage) as (opened, _):
        page = opened.new_page()
        sign_in(page, stage, "admin")
        for name, path in stage.pages().items():
            page.goto(path)
            # What is refreshed meanwhile would take the focus along.
            page.evaluate("sessionStorage.setItem('console-paused', '1')")
            steps = walk(page)
            unseen = [step["name"] for step in steps if not step["seen"]]
            assert unseen == [], name
            places = "a[href]:visible, button:visible, input:visible, select:visible"
            tabbed = page.locator(f"{places}, textarea:visible").count()
            # A group of radio buttons is one step, with arrows inside of it.
            radios = page.locator("input[type=radio]:visible").count()
            assert len(steps) >= min(tabbed - max(0, radios - 1), MOST_STEPS), name


def test_a_slash_leads_to_the_search_and_is_a_letter_in_a_field(
    browser: Browser, stage: Stage
) -> None:
    with context(browser, stage) as (opened, _):
        page = opened.new_page()
        sign_in(page, stage, "viewer")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "seek"
        page.keyboard.type("a/b")
        assert page.get_by_role("searchbox").input_value() == "a/b"


def test_a_review_is_proposed_with_the_keyboard_alone(browser: Browser, stage: Stage) -> None:
    with context(browser, stage) as (opened, watch):
        page = opened.new_page()
        sign_in(page, stage, "operator")
        page.goto(f"/console/cash-outs/{stage.made[CONTRADICTED][1]}")
        page.get_by_role("radio", name="Not paid").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.type("Their statement does not have it.")
        page.keyboard.press("Tab")
        page.keyboard.type("A line")
        page.keyboard.press("Tab")
        page.keyboard.type("LINE-9")
        page.get_by_role("button", name="Propose").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Proposed. Somebody who may approve").wait_for()
        page.get_by_role("button", name="Withdraw").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Withdrawn. The review stays open.").wait_for()
        assert watch.said == []
