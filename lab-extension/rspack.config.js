// Numbers in the order of use: by default that of the entry comes from this folder's path, and no two checkouts would
// give the same bundle.
module.exports = { optimization: { moduleIds: 'natural' } };
