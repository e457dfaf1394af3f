// Reads /metrics as Prometheus does: names with labels, and their values.

export interface Scrape {
  text: string;
  /** By series: `name` or `name{label="value",...}`, labels in the order of their names. */
  series: Map<string, number>;
}

/** As Go reads numbers, whatever the case of `NaN` and `Inf`. */
const valueOf = (text: string): number | undefined => {
  if (/^nan$/i.test(text)) return Number.NaN;
  const value = Number(text.replace(/inf$/i, 'Infinity'));
  return Number.isNaN(value) ? undefined : value;
};

const SERIES = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;

/** @throws Error for a line that is neither a comment nor a series */
export const parseScrape = (page: string): Scrape => {
  const series = new Map<string, number>();
  for (const line of page.split('\n').filter((one) => one !== '' && !one.startsWith('# '))) {
    const [, name, labels = '', text = ''] = SERIES.exec(line) ?? [];
    const value = valueOf(text);
    if (name === undefined || value === undefined) throw new Error(`no series: ${line}`);
    const sorted = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([one]) => one).sort();
    series.set(sorted.length === 0 ? name : `${name}{${sorted.join(',')}}`, value);
  }
  return { text: page, series };
};

export const scrape = async (port: number): Promise<Scrape> => {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  if (response.status !== 200 || !/^text\/plain; version=0\.0\.4/.test(response.headers.get('content-type') ?? ''))
    throw new Error(`/metrics answered ${response.status} ${response.headers.get('content-type')}`);
  return parseScrape(await response.text());
};
