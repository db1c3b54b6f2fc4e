local log = {}
coroutine.spawn(function(...) table.insert(log, select("#", ...)) return "not the result" end, 1, 2)
return function()
    coroutine.yield()
    return table.concat(log) .. " main"
end
