return { main = function()
    local seen = env.get("PORT")
    env.set("TOKEN", "set by the child")
    return seen
end }
