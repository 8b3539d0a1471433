/** How a chart is drawn with uPlot: its options, colours from the tokens, marks and bands. The element around it is `chart`'s. */

import { timeTicks, unit, written } from "../core/units.js";

/** @typedef {{at: number, label: string, severity?: string, href?: string}} Mark */
/** @typedef {{from: number, to: number, label: string}} Band */
/** @typedef {{lines: string[], text: string, quiet: string, grid: string, mark: Record<string, string>, band: string, font: string}} Colours */
/**
 * @typedef {object} Look
 * @property {number} width
 * @property {number} height
 * @property {readonly {label: string, hidden: boolean}[]} series
 * @property {string} unit
 * @property {Colours} colours
 * @property {() => readonly [number, number]} range
 * @property {() => readonly Mark[]} marks
 * @property {() => readonly Band[]} bands
 * @property {(from: number, to: number) => void} onZoom
 * @property {(place: number | null) => void} onCursor
 */

/** So that lines differ by more than their colours. */
export const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];
const LINE_TOKENS = ["--g1", "--g2", "--g3", "--g4", "--g5", "--host"];
/** Units whose values say nothing by how far from nothing they are. */
const FLOATING = new Set(["moment", "celsius"]);
const PAGE = "page";
const SMALLEST_DRAG = 4;

/**
 * The colours of the theme that the page has now.
 * @param {Element} element
 * @returns {Colours}
 */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const of = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return {
    lines: LINE_TOKENS.map(of), text: of("--text-2"), quiet: of("--line-strong"), grid: of("--line"),
      band: of("--warn-bg"),
    mark: { critical: of("--err"), warning: of("--warn"), info: of("--info") },
    font: `11px ${of("--font") || "sans-serif"}`,
  };
}

/**
 * How the line of a series looks.
 * @param {Colours} colours
 * @param {number} place
 */
export function lineOf(colours, place) {
  const round = Math.floor(place / colours.lines.length);
  return { stroke: colours.lines[place % colours.lines.length], dash: DASHES[(place + round) % DASHES.length] };
}

/**
 * The options of uPlot.
 * @param {Look} look
 * @returns {import("uplot").Options}
 */
export function options(look) {
  return {
    width: look.width, height: look.height, ms: 1, legend: { show: false }, padding: [8, 22, 0, 0],
    cursor: {
      drag: { x: true, y: false, setScale: false }, points: { size: 6 }, bind: { dblclick: () => null },
      sync: { key: PAGE, filters: { pub: (/** @type {string} */ type) => type === "mousemove" || type === "mouseleave" } },
    },
    scales: { x: { time: true, range: () => [...look.range()] },
      y: { range: (_, least, most) => extent(look.unit, least, most) } },
    series: [{}, ...look.series.map((one, place) => ({
      label: one.label, show: !one.hidden, spanGaps: false, width: 1.5,
        points: { size: 4 }, ...lineOf(look.colours, place),
    }))],
    axes: axes(look),
    hooks: {
      drawClear: [(chart) => drawBands(chart, look)],
      draw: [(chart) => drawMarks(chart, look)],
      setSelect: [(chart) => zoomed(chart, look)],
      setCursor: [(chart) => look.onCursor(chart.cursor.idx ?? null)],
    },
  };
}

/**
 * From where to where the values' axis goes.
 * @param {string} name of the unit
 * @param {number | null} least
 * @param {number | null} most
 * @returns {[number, number]}
 */
export function extent(name, least, most) {
  if (least === null || most === null || !Number.isFinite(least) || !Number.isFinite(most)) return [0, 1];
  if (name === "ratio" && least >= 0 && most <= 1 && most > 0.2) return [0, 1];
  const floor = FLOATING.has(name) ? least : Math.min(0, least);
  const room = (most - floor) * 0.08 || Math.abs(most) * 0.08 || 1;
  return [floor < 0 || FLOATING.has(name) ? floor - room : 0, most + room];
}

/**
 * @param {Look} look
 * @returns {import("uplot").Axis[]}
 */
function axes(look) {
  const common = { stroke: look.colours.text, font: look.colours.font, ticks: { stroke: look.colours.grid, width: 1,
    size: 4 } };
  const grid = { stroke: look.colours.grid, width: 1 };
  const { increments } = unit(look.unit);
  return [
    { ...common, grid, space: 70, size: 34, values: (_, splits, __, ___, increment) => timeTicks(splits, increment) },
    {
      ...common, grid, space: 32, ...(increments ? { incrs: increments } : {}),
      values: (_, splits) => splits.map((value) => written(value, look.unit)),
      size: (_, values) => 18 + 6.6 * Math.max(3, ...(values ?? []).map((text) => text.length)),
    },
  ];
}

/**
 * @param {import("uplot")} chart
 * @param {Look} look
 */
function drawBands(chart, look) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.fillStyle = look.colours.band;
  for (const band of look.bands()) {
    const left = Math.max(bbox.left, chart.valToPos(band.from, "x", true));
    const right = Math.min(bbox.left + bbox.width, chart.valToPos(band.to, "x", true));
    if (right > left) ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
  }
  ctx.restore();
}

/**
 * A line with a small triangle on top for each mark.
 * @param {import("uplot")} chart
 * @param {Look} look
 */
function drawMarks(chart, look) {
  const { ctx, bbox } = chart;
  const size = 5 * devicePixelRatio;
  ctx.save();
  for (const mark of look.marks()) {
    const at = chart.valToPos(mark.at, "x", true);
    if (at < bbox.left || at > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = look.colours.mark[mark.severity ?? "info"] ?? look.colours.mark.info;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([3 * devicePixelRatio, 2 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(at - size, bbox.top);
    ctx.lineTo(at + size, bbox.top);
    ctx.lineTo(at, bbox.top + size * 1.6);
    ctx.fill();
  }
  ctx.restore();
}

/**
 * @param {import("uplot")} chart
 * @param {Look} look
 */
function zoomed(chart, look) {
  const { left, width } = chart.select;
  if (width < SMALLEST_DRAG) return;
  const [from, to] = [chart.posToVal(left, "x"), chart.posToVal(left + width, "x")];
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  look.onZoom(from, to);
}
