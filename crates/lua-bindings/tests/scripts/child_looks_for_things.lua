local function main()
    local names = {}
    for name in _G do
        if name ~= "_G" then table.insert(names, name) end
    end
    assert(left == nil and also_left == nil and getmetatable ~= nil)
    assert(coroutine.status(coroutine.running()) == "running")
    table.sort(names)
    return if #names == 0 then "nothing" else table.concat(names, " ")
end

return { main = main }
