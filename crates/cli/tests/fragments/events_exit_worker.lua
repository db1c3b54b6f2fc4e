return {
    main = function()
        return nil, "worker failed"
    end,
}
