// How somebody works a page: with a mouse or a finger, or by the keyboard alone. Both count what they press.
import type { Locator, Page } from 'playwright-core';

export interface Hand {
  /** Links, buttons and boxes to tick. */
  press(target: Locator): Promise<void>;
  /** Into a field, instead of what stands there. */
  type(target: Locator, text: string): Promise<void>;
  /** One of a list, by its value. */
  choose(target: Locator, value: string): Promise<void>;
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
    async choose(target, value) {
      await target.selectOption(value);
    },
    async enter() {
      step();
      await page.keyboard.press('Enter');
    },
  };
};

/** More stops than any page has before what somebody looks for. */
const MOST_STOPS = 400;
const IS_FOCUSED = '(element) => element === document.activeElement';
/** Where the focus is, is to be seen (WCAG 2.2, 2.4.7): by an outline, which is how every element here shows it. */
const IS_SEEN = `(element) => {
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
}`;

/** What a script in the page says of an element. */
const told = <T>(target: Locator, script: string): Promise<T> =>
  target.evaluate<T, void, Node>(script);

export const keyboard = (page: Page): Hand => {
  const { step, ...rest } = counted();

  const goTo = async (target: Locator): Promise<void> => {
    await target.waitFor();
    for (let stops = 0; !(await told<boolean>(target, IS_FOCUSED)); stops++) {
      if (stops === MOST_STOPS) throw new Error(`Tab does not lead to ${String(target)}`);
      await page.keyboard.press('Tab');
    }
    if (!(await told<boolean>(target, IS_SEEN))) throw new Error(`nobody sees that the focus is on ${String(target)}`);
  };

  return {
    ...rest,
    async press(target) {
      step();
      await goTo(target);
      const isBox = await told<boolean>(target, '(element) => element.matches("input[type=checkbox]")');
      await page.keyboard.press(isBox ? 'Space' : 'Enter');
    },
    async type(target, text) {
      await goTo(target);
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.insertText(text);
    },
    async choose(target, value) {
      await goTo(target);
      const values = await told<string[]>(target, '(element) => [...element.options].map((one) => one.value)');
      const at = (await told<number>(target, '(element) => element.selectedIndex')) - values.indexOf(value);
      for (let moves = Math.abs(at); moves > 0; moves--) await page.keyboard.press(at > 0 ? 'ArrowUp' : 'ArrowDown');
    },
    async enter() {
      step();
      await page.keyboard.press('Enter');
    },
  };
};
