local said = {}

local function try(what, value, err)
    table.insert(said, what .. ": " .. tostring(value) .. (err and " " .. err:kind() .. ", " .. err or ""))
end

return { main = function()
    -- By name and by entry it is the same variable.
    for _, name in { "PORT", "app:port", "TOKEN", "app:debug", "NOT_DECLARED", "app:nothing" } do
        try("get " .. name, env.get(name))
    end
    for _, name in { "ratio", "app:ratio", "PORT", "app:port", "NOT_DECLARED", "NOBODY_DECLARED" } do
        try("set " .. name, env.set(name, "0.7"))
    end
    for name, value in env.get_all() do try("all " .. name, value) end
    return table.concat(said, "\n")
end }
