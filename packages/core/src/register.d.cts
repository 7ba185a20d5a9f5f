// The types of dist/register.bundle.cjs, which exports nothing.
export {}
