const rules = {
  title: [(value) => isText(value, 200) && value.trim() !== "", "title must be a string of 1 to 200 characters"],
  content: [(value) => isText(value, 10_000), "content must be a string of at most 10000 characters"],
  tags: [(value) => Array.isArray(value) && value.every((tag) => typeof tag === "string"), "tags must be a list of strings"],
};

/** The fields of a new note, defaults filled in. */
export function readNote(body) {
  const { title, content = "", tags = [] } = readObject(body);
  return checked({ title, content, tags });
}

/** Those fields of a note that the client wants to change. */
export function readChange(body) {
  const sent = Object.entries(readObject(body)).filter(([name]) => Object.hasOwn(rules, name));
  return checked(Object.fromEntries(sent));
}

/** The parameters of the list, as numbers and strings. */
export function readFilter({ page, limit, q, tag }) {
  return {
    page: readNumber("page", page, 1, Number.MAX_SAFE_INTEGER),
    limit: readNumber("limit", limit, 20, 100),
    q: readString("q", q),
    tag: readString("tag", tag),
  };
}

function readObject(body) {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    refuse("the body must be a JSON object");
  }
  return body;
}

function checked(fields) {
  for (const [name, value] of Object.entries(fields)) {
    const [keeps, message] = rules[name];
    if (!keeps(value)) {
      refuse(message);
    }
  }
  return fields;
}

function isText(value, limit) {
  return typeof value === "string" && value.length <= limit;
}

function readNumber(name, text, fallback, max) {
  if (text === undefined) {
    return fallback;
  }
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > max) {
    refuse(`${name} must be a whole number from 1 to ${max}`);
  }
  return number;
}

function readString(name, value) {
  if (value !== undefined && typeof value !== "string") {
    refuse(`${name} must be given once`);
  }
  return value;
}

function refuse(message) {
  throw Object.assign(new Error(message), { status: 400 });
}
