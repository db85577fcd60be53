/** What every echo gets: a small JSON event. */
export const payload = JSON.stringify({ name: 'bench', numbers: [1, 2, 3], nested: { yes: true } })
