// Charts as SVG, made here: a line of hours beside a row, bars of a statistic. Each stands beside its numbers.

const [SPARK_WIDTH, SPARK_HEIGHT] = [96, 20];

const round = (number: number): string => number.toFixed(1);

/** Numbers one after another as a line. @param label what it shows, for who does not see it */
export const Spark = ({ numbers, label }: { numbers: readonly number[]; label: string }) => {
  const most = Math.max(1, ...numbers);
  const step = SPARK_WIDTH / Math.max(1, numbers.length - 1);
  const points = numbers.map(
    (number, index) => `${round(index * step)},${round(SPARK_HEIGHT - 1.5 - (number / most) * (SPARK_HEIGHT - 3))}`,
  );
  return (
    <svg class="spark" viewBox={`0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`} role="img" aria-label={label}>
      <polyline points={points.join(' ')} />
    </svg>
  );
};

export interface Bar {
  /** What it stands for: shown where it is pointed at. */
  title: string;
  /** From below to above; each has a class of its own. */
  parts: readonly (readonly [className: string, number: number])[];
}

const [CHART_WIDTH, CHART_HEIGHT] = [720, 140];

interface BarsProps {
  bars: readonly Bar[];
  /** What they show. */
  label: string;
  /** The number beside the top. */
  most: string;
  /** What the first and the last stand for. */
  ends: readonly [first: string, last: string];
}

/** Bars side by side, each of parts on top of one another. What is written is no part of the picture, which shrinks on a phone. */
export const Bars = ({ bars, label, most, ends: [first, last] }: BarsProps) => {
  const sums = bars.map(({ parts }) => parts.reduce((sum, [, number]) => sum + number, 0));
  const top = Math.max(1, ...sums);
  const step = CHART_WIDTH / Math.max(1, bars.length);
  const width = Math.max(0.5, Math.min(step * 0.8, 40));
  return (
    <div class="chart">
      <p aria-hidden="true">{most}</p>
      <svg
        class="bars"
        viewBox={`0 0 ${CHART_WIDTH} ${CHART_HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={label}
      >
        <line x1="0" x2={CHART_WIDTH} y1={CHART_HEIGHT - 1} y2={CHART_HEIGHT - 1} />
        {bars.map(({ title, parts }, index) => {
          let below = 0;
          return (
            <g>
              <title>{title}</title>
              {parts.map(([className, number]) => {
                const height = (number / top) * (CHART_HEIGHT - 2);
                below += height;
                if (number === 0) return null;
                return (
                  <rect
                    class={className}
                    x={round(index * step + (step - width) / 2)}
                    y={round(CHART_HEIGHT - 1 - below)}
                    width={round(width)}
                    height={round(Math.max(height, 0.5))}
                  />
                );
              })}
            </g>
          );
        })}
      </svg>
      <p aria-hidden="true">
        <span>{first}</span>
        <span>{last}</span>
      </p>
    </div>
  );
};
