-- Another one whose chunk need not run, for the same threads.
return { main = function() return left == nil and `too {process.id()}` end }
