/** Enough to catch slips; whether an address exists only its server knows. */
const ADDRESS = /^[^\s@<>(),;:"]+@[^\s@<>(),;:"]+\.[^\s@<>(),;:".]{2,}$/u;

export const MOST_ADDRESSES = 50;

/** "Ana <ana@x.br>" and "<ana@x.br>" are pasted as often as "ana@x.br". */
export function bareAddress(written: string): string {
  return (/<([^<>]+)>\s*$/.exec(written)?.[1] ?? written).trim();
}

export function isAddress(text: string): boolean {
  return text.length <= 320 && ADDRESS.test(text);
}

/** Without repetitions, which differ in case alone too. */
export function distinct(addresses: string[]): string[] {
  const seen = new Map(addresses.map((address) => [address.toLowerCase(), address]));
  return [...seen.values()];
}
