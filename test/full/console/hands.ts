// How somebody works a page: with a mouse or a finger, or by the keyboard alone. Both count what they press.
import type { Locator, Page } from 'playwright-core';

export interface Hand {
  /** Links, buttons and boxes to tick. */
  press(target: Locator): Promise<void>;
  /** Into a field, instead of what stands there. */
  type(target: Locator, text: string): Promise<void>;
  /** Sends the form of the field that was typed in. */
  enter(): Promise<void>;
  /** Links and buttons that were pressed since the last `begin`. */
  steps(): number;
  begin(): void;
}

const counted = () => {
  let steps = 0;
  return { step: () => void steps++, steps: () => steps, begin: () => void (steps = 0) };
};

export const mouse = (page: Page): Hand => {
  const { step, ...rest } = counted();
  return {
    ...rest,
    async press(target) {
      step();
      await target.click();
    },
    type: (target, text) => target.fill(text),
    async enter() {
      step();
      await page.keyboard.press('Enter');
    },
  };
};

/** More stops than any page has before what somebody looks for. */
const MOST_STOPS = 200;
/** Where the focus is, is to be seen (WCAG 2.2, 2.4.7): by an outline, which is how every element here shows it. */
const IS_SEEN = `(() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
})()`;

export const keyboard = (page: Page): Hand => {
  const { step, ...rest } = counted();
  const is = async (target: Locator, selector: string): Promise<boolean> =>
    (await target.and(page.locator(selector)).count()) > 0;

  const goTo = async (target: Locator): Promise<void> => {
    await target.waitFor();
    for (let stops = 0; !(await is(target, ':focus')); stops++) {
      if (stops === MOST_STOPS) throw new Error(`Tab does not lead to ${String(target)}`);
      await page.keyboard.press('Tab');
    }
    if (!(await page.evaluate<boolean>(IS_SEEN))) throw new Error(`nobody sees the focus on ${String(target)}`);
  };

  return {
    ...rest,
    async press(target) {
      step();
      await goTo(target);
      await page.keyboard.press((await is(target, '[type=checkbox]')) ? 'Space' : 'Enter');
    },
    async type(target, text) {
      await goTo(target);
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.insertText(text);
    },
    async enter() {
      step();
      await page.keyboard.press('Enter');
    },
  };
};
