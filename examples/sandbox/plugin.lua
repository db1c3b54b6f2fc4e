local function main(store, parent)
    local said = {}
    local function try(what, ok, err)
        local told = err and err:kind() .. ": " .. err:message():gsub("0x%x+", "0x…") or "ok"
        table.insert(said, what .. ": " .. told)
    end
    try("send to the store", process.send(store, "put", "a value"))
    try("send to the parent", process.send(parent, "hello"))
    try("spawn", process.spawn("app:plugin", "app:processes"))
    try("terminate the store", process.terminate(store))
    try("take a name", process.registry.register("store"))
    return said
end

return { main = main }
