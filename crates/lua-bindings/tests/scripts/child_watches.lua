-- Says what it is told of an end, and leaves nothing of it as it was.
return {
    main = function(parent, ...)
        local events = process.events()
        for _, target in { ... } do process.monitor(target) end
        process.send(parent, "ready")
        for _ = 1, select("#", ...) do
            local e = events:receive()
            local keys = {}
            for key in e do table.insert(keys, key) end
            table.sort(keys)
            local error = e.error and `{e.error:kind()}/{e.error:message()}`
            process.send(parent, "seen", {
                keys = table.concat(keys, " "),
                from = e.from,
                text = `{e.kind} {e.result.value} {e.result.error} {e.result} {error}`,
                at = e.at,
                plain = getmetatable(e) == nil and getmetatable(e.result) == "result",
            })
            e.result.value, e.result.error, e.result.more = "changed", "changed", "changed"
            e.from, e.kind, e.at, e.error, e.result, e.more = 1, 2, 3, 4, 5, 6
        end
    end,
}
