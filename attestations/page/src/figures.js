// Figures of documents as a reader sees them: shares in per cent and points, other units as they are, "–" where there is none.

const NONE = "–";

export function isShare(row) {
  return row.unit === "proportion";
}

// A raw value such as a refusal rate.
export function level(figure, row) {
  if (figure === undefined || figure === null) {
    return NONE;
  }
  return isShare(row) ? `${(100 * Number(figure)).toFixed(1)} %` : Number(figure).toFixed(3).replace("-", "−");
}

// A change with its sign, in percentage points or the row's unit.
export function change(figure, row) {
  if (figure === undefined || figure === null) {
    return NONE;
  }
  const value = isShare(row) ? 100 * Number(figure) : Number(figure);
  const digits = value.toFixed(isShare(row) ? 1 : 3);
  return (Number(digits) > 0 ? `+${digits}` : digits).replace("-", "−").replace(/^−(0\.0+)$/, "$1");
}

export function unitOfChange(row) {
  return isShare(row) ? "points" : row.unit;
}

export function interval(lower, upper, row) {
  return lower === undefined || lower === null ? NONE : `${change(lower, row)} to ${change(upper, row)}`;
}

export function margin(row) {
  return isShare(row) ? String(Number((100 * Number(row.margin)).toFixed(3))) : String(Number(row.margin));
}

export function whole(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

export function megabytes(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let size = Number(bytes);
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
