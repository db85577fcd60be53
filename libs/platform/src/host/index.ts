export * from './cgroup.ts'
export * from './link-tree.ts'
export * from './scratch-disk.ts'
