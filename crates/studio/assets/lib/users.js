// Many users as text.

/** Users from a JSON list, or from JSON lines. */
export function usersOf(text) {
  const trimmed = text.trim();
  if (!trimmed) return [];
  if (trimmed.startsWith('[')) return JSON.parse(trimmed);
  try { return [JSON.parse(trimmed)]; } catch { /* lines */ }
  return trimmed.split('\n').map((line, at) => {
    try { return line.trim() ? JSON.parse(line) : null; } catch (error) { throw new Error(`Line ${at + 1} is not JSON: ${error.message}`); }
  }).filter(Boolean);
}

export const linesOf = (users) => users.map((user) => JSON.stringify(user)).join('\n');
