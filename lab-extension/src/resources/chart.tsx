import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

const HOUR_SECONDS = 3600;
/** A session that has just begun is drawn as if it were so old. */
const SHORTEST_SECONDS = 300;
const WIDTH = 360;
const HEIGHT = 60;
/** Two sets that are further apart have something between them that nobody measured. */
const GAP_SECONDS = 60;

export interface IChart {
  title: string;
  /** The newest figure in words. */
  now: string;
  /** What the top of the chart stands for, in words. */
  top: string;
  values: (number | null)[];
  /** The value at the top. */
  most: number;
}

/** Return the seconds that a chart shows: all that there are. */
function spanOf(time: number[]): number {
  return Math.min(Math.max(time[time.length - 1] - time[0], SHORTEST_SECONDS), HOUR_SECONDS);
}

/** Return the path of the values that follow each other without a gap, and the area below it. */
function paths(time: number[], { values, most }: IChart): [string, string] {
  const end = time[time.length - 1];
  const shown = spanOf(time);
  const lines: [number, number][][] = [];
  let before = -Infinity;
  values.forEach((value, place) => {
    if (value === null) {
      before = -Infinity;
      return;
    }
    const x = WIDTH - ((end - time[place]) / shown) * WIDTH;
    const y = HEIGHT - Math.min(Math.max(value / most, 0), 1) * (HEIGHT - 2) - 1;
    if (time[place] - before > GAP_SECONDS) {
      lines.push([]);
    }
    before = time[place];
    lines[lines.length - 1].push([x, y]);
  });
  const drawn = lines.map(points => {
    // A single point is drawn as a short dash.
    const from = points.length === 1 ? [[points[0][0] - 1, points[0][1]], ...points] : points;
    const line = from.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L');
    return { line: `M${line}`, area: `M${from[0][0].toFixed(1)} ${HEIGHT}L${line}V${HEIGHT}Z` };
  });
  return [drawn.map(({ line }) => line).join(''), drawn.map(({ area }) => area).join('')];
}

/** One figure's last hour. */
export function Chart({
  chart,
  time,
  trans
}: {
  chart: IChart;
  time: number[];
  trans: TranslationBundle;
}): React.ReactElement {
  const [line, area] = time.length ? paths(time, chart) : ['', ''];
  const minutes = Math.round((time.length ? spanOf(time) : HOUR_SECONDS) / 60);
  return (
    <figure className="nebulab-chart">
      <figcaption>
        <span className="nebulab-chart-title">{chart.title}</span>
        <span className="nebulab-chart-now">{chart.now}</span>
      </figcaption>
      <div className="nebulab-chart-top">{chart.top}</div>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={trans.__('%1, last hour; now %2', chart.title, chart.now)}
      >
        <path className="nebulab-chart-area" d={area} />
        <path className="nebulab-chart-line" d={line} vectorEffect="non-scaling-stroke" />
      </svg>
      <div className="nebulab-chart-times" aria-hidden="true">
        <span>{trans.__('%1 min ago', minutes)}</span>
        <span>{trans.__('%1 min', Math.round(minutes / 2))}</span>
        <span>{trans.__('now')}</span>
      </div>
    </figure>
  );
}
