// Counts the frames that the page draws, and moves a dot in each: it stutters when the page is held up.

/**
 * @param {{ dot: SVGCircleElement, fps: HTMLElement, longest: HTMLElement }} places
 */
export function showFrames({ dot, fps, longest }) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  /** When the frames of the last second were drawn. @type {number[]} */
  let times = [];
  let shown = 0;
  const draw = (/** @type {number} */ now) => {
    requestAnimationFrame(draw);
    times = [...times.filter((time) => time >= now - 1000), now];
    const phase = Math.abs(((now / 2000) % 2) - 1); // there and back in 4 s
    dot.setAttribute("cx", String(still.matches ? 12 : 12 + 576 * phase));
    if (now - shown < 500) return;
    shown = now;
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? time));
    if (gaps.length === 0) return;
    fps.textContent = String(Math.round((1000 * gaps.length) / (now - (times[0] ?? 0))));
    longest.textContent = `${Math.round(Math.max(...gaps))} ms`;
  };
  requestAnimationFrame(draw);
}
