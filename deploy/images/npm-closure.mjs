// The installed npm packages that the services need at run time, by the lock file: no second download, no npm run.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal, root } from '../../scripts/lib/steps.mjs'

/**
 * Folders below node_modules (relative to the repository) that the given workspaces need, and the links to workspaces.
 * Follows `dependencies` as Node resolves them: the nearest node_modules up the tree.
 */
export function npmClosure(workspaces) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const folders = new Set()
  const links = new Map()
  const seen = new Set()
  const resolve = (from, name) => {
    for (let at = from; ; at = at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : '') {
      const path = `${at ? `${at}/` : ''}node_modules/${name}`
      if (packages[path]) return path
      if (at === '') return undefined
    }
  }
  const visit = (path) => {
    if (seen.has(path)) return
    seen.add(path)
    const {
      dependencies = {},
      optionalDependencies = {},
      peerDependencies = {},
      peerDependenciesMeta = {},
    } = packages[path]
    const optional = (name) => name in optionalDependencies || peerDependenciesMeta[name]?.optional
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const found = resolve(path, name)
      if (!found) {
        if (!optional(name)) throw new Refusal(`package-lock.json has no ${name}, which ${path} needs`)
        continue
      }
      const { link, resolved } = packages[found]
      if (link) {
        links.set(found, resolved)
        visit(resolved)
        continue
      }
      if (!existsSync(join(root, found))) {
        if (packages[found].optional || optional(name)) continue
        throw new Refusal(`${found} is not installed: run npm ci`)
      }
      folders.add(found)
      visit(found)
    }
  }
  for (const workspace of workspaces) visit(workspace)
  // A package nested in another that is taken comes with it.
  const outer = [...folders].filter((path) => ![...folders].some((other) => path.startsWith(`${other}/`)))
  return { folders: outer.sort(), links }
}
