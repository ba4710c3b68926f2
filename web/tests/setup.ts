import "@testing-library/react/dont-cleanup-after-each";
import { notifications } from "@mantine/notifications";
import { cleanup, configure } from "@testing-library/react";
import { afterEach, vi } from "vitest";

// The machine may be busy with other tests; a wait ends as soon as its condition holds.
configure({ asyncUtilTimeout: 8_000 });

/** What jsdom has no layout for. The virtual list needs a height, Mantine and our breakpoints need a desktop. */
const DESKTOP = 1440;

vi.stubGlobal("matchMedia", (query: string) => {
  const most = /max-width: ([\d.]+)em/.exec(query)?.[1];
  return {
    matches: most !== undefined && DESKTOP <= Number(most) * 16,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
    addListener: () => undefined,
    removeListener: () => undefined,
  };
});

class SilentObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}
vi.stubGlobal("ResizeObserver", SilentObserver);

Object.defineProperties(HTMLElement.prototype, {
  clientHeight: { configurable: true, get: () => 900 },
  clientWidth: { configurable: true, get: () => DESKTOP },
});
Element.prototype.scrollTo = () => undefined;
Element.prototype.scrollIntoView = () => undefined;
// The editor asks where its letters stand.
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
Range.prototype.getBoundingClientRect = () => new DOMRect();
Document.prototype.elementFromPoint = () => null;
Object.defineProperty(document, "fonts", { value: new EventTarget() });

afterEach(() => {
  cleanup();
  notifications.clean();
  localStorage.clear();
  sessionStorage.clear();
});
