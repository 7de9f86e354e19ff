// The page in Japanese: what say() says in English, and the Japanese of it.
export const japanese = {
};
